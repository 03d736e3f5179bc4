// lane_select: one lane's byte out of a row, two clocks later: first within every group of eight, then of the groups.
`default_nettype none

module lane_select #(
    parameter integer Lanes = 16
) (
    input  wire                     clk_i,
    input  wire [      8*Lanes-1:0] row_i,
    input  wire [$clog2(Lanes)-1:0] lane_i,
    output reg  [              7:0] byte_o
);
  localparam integer Groups = Lanes / 8;

  reg [8*Groups-1:0] bytes_q;

  genvar i;
  generate
    for (i = 0; i < Groups; i = i + 1) begin : g_group
      wire [63:0] eight = row_i[64*i+:64];
      always @(posedge clk_i) bytes_q[8*i+:8] <= eight[{lane_i[2:0], 3'b000}+:8];
    end
    if (Groups == 1) begin : g_one
      always @(posedge clk_i) byte_o <= bytes_q;
    end else begin : g_more
      reg [$clog2(Lanes)-4:0] group_q;
      always @(posedge clk_i) begin
        group_q <= lane_i[$clog2(Lanes)-1:3];
        byte_o  <= bytes_q[{group_q, 3'b000}+:8];
      end
    end
  endgenerate
endmodule

`default_nettype wire
