// double: every lane of int8 times two, as int9. One beat a clock, no storage.
`default_nettype none

module double #(
    parameter integer Lanes = 1
) (
    input  wire               clk_i,
    input  wire               rst_ni,
    input  wire [8*Lanes-1:0] s_axis_tdata,
    input  wire               s_axis_tvalid,
    output wire               s_axis_tready,
    input  wire               s_axis_tlast,
    output wire [9*Lanes-1:0] m_axis_tdata,
    output wire               m_axis_tvalid,
    input  wire               m_axis_tready,
    output wire               m_axis_tlast
);
  wire unused_clocking = clk_i;
  assign s_axis_tready = m_axis_tready;
  assign m_axis_tvalid = s_axis_tvalid && rst_ni;
  assign m_axis_tlast  = s_axis_tlast;

  genvar lane;
  generate
    for (lane = 0; lane < Lanes; lane = lane + 1) begin : g_lane
      assign m_axis_tdata[9*lane+:9] = {s_axis_tdata[8*lane+:8], 1'b0};
    end
  endgenerate
endmodule

`default_nettype wire
