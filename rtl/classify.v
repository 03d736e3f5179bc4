// classify: logit_c = bias_c + sum_k w_ck * x_k, integer weights, for Lanes sentences side by side.
//
// The head is a linear row engine whose lanes are sentences instead of tokens, with weights up to +-127 as
// signed digits. Streams, frames, lane order and cycles (inputs + entries + 3) are those of linear.v.
`default_nettype none

module classify #(
    parameter integer Lanes    = 1,
    parameter integer Inputs   = 256, // most features of a sentence
    parameter integer AccWidth = 24
) (
    input  wire                      clk_i,
    input  wire                      rst_ni,

    input  wire [       8*Lanes-1:0] s_axis_x_tdata,
    input  wire                      s_axis_x_tvalid,
    output wire                      s_axis_x_tready,
    input  wire                      s_axis_x_tlast,

    input  wire [               8:0] s_axis_w_tdata,
    input  wire [      AccWidth-1:0] s_axis_w_tuser,
    input  wire                      s_axis_w_tvalid,
    output wire                      s_axis_w_tready,
    input  wire                      s_axis_w_tlast,

    output wire [AccWidth*Lanes-1:0] m_axis_tdata,
    output wire                      m_axis_tvalid,
    input  wire                      m_axis_tready,
    output wire                      m_axis_tlast
);
  linear #(
      .Lanes(Lanes),
      .Inputs(Inputs),
      .AccWidth(AccWidth)
  ) u_linear (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .s_axis_x_tdata(s_axis_x_tdata),
      .s_axis_x_tvalid(s_axis_x_tvalid),
      .s_axis_x_tready(s_axis_x_tready),
      .s_axis_x_tlast(s_axis_x_tlast),
      .s_axis_w_tdata(s_axis_w_tdata),
      .s_axis_w_tuser(s_axis_w_tuser),
      .s_axis_w_tvalid(s_axis_w_tvalid),
      .s_axis_w_tready(s_axis_w_tready),
      .s_axis_w_tlast(s_axis_w_tlast),
      .m_axis_tdata(m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready),
      .m_axis_tlast(m_axis_tlast)
  );
endmodule

`default_nettype wire
