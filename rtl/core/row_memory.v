// row_memory: block RAM of rows, a word a lane, lane 0 in the low bits; one read and one write a clock.
//
// data_o shows the row of an address two clocks later: the RAM's own register and one behind it, so that the slow
// way out of a block RAM is a stage of its own. The caller never reads a row in the clock in which it is written.
`default_nettype none

module row_memory #(
    parameter integer Lanes     = 16,
    parameter integer LaneWidth = 8,
    parameter integer Rows      = 1024
) (
    input  wire                       clk_i,
    input  wire [          Lanes-1:0] write_i, // which lanes of the row
    input  wire [   $clog2(Rows)-1:0] write_address_i,
    input  wire [LaneWidth*Lanes-1:0] data_i,
    input  wire [   $clog2(Rows)-1:0] read_address_i,
    output reg  [LaneWidth*Lanes-1:0] data_o
);
  (* no_rw_check *) reg [LaneWidth*Lanes-1:0] rows_q[0:Rows-1];
  reg [LaneWidth*Lanes-1:0] read_q;

  integer lane;
  always @(posedge clk_i) begin
    for (lane = 0; lane < Lanes; lane = lane + 1) begin
      if (write_i[lane]) rows_q[write_address_i][LaneWidth*lane+:LaneWidth] <= data_i[LaneWidth*lane+:LaneWidth];
    end
    read_q <= rows_q[read_address_i];
    data_o <= read_q;
  end
endmodule

`default_nettype wire
